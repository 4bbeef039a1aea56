package dev.switchboard.server;

import dev.switchboard.engine.InvalidSettingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Where everything is kept, held by one process at a time. The lock ends with the process, however it ends. */
public final class DataDirectory implements AutoCloseable {
    /** Name of the file with the keys that sign access tokens. */
    public static final String SIGNING_KEYS = "signing-keys.json";

    private final Path path;
    private final FileChannel lockFile;

    private DataDirectory(Path path, FileChannel lockFile) {
        this.path = path;
        this.lockFile = lockFile;
    }

    /** @throws InvalidSettingException if another process has it */
    public static DataDirectory lock(Path path) {
        try {
            Files.createDirectories(path);
            Path file = path.resolve("lock");
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            if (!isLocked(channel)) {
                String owner = Files.readString(file).strip();
                channel.close();
                throw new InvalidSettingException("the data in " + path + " is in use by process " + owner
                        + "; stop it, or choose another --data-dir");
            }
            channel.truncate(0);
            channel.write(
                    ByteBuffer.wrap(Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)));
            return new DataDirectory(path, channel);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot use --data-dir " + path, failed);
        }
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException heldByThisProcess) {
            return false;
        }
    }

    public Path secretsFile() {
        return path.resolve("secrets.properties");
    }

    Path signingKeys() {
        return path.resolve(SIGNING_KEYS);
    }

    Path postgres() {
        return path.resolve("postgres");
    }

    @Override
    public void close() {
        try {
            lockFile.close();
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot release the lock of " + path, failed);
        }
    }
}
