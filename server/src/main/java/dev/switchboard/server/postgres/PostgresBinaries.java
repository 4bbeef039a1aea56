package dev.switchboard.server.postgres;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/** The PostgreSQL binaries in the jar, unpacked once. */
public final class PostgresBinaries {
    static final String MAJOR_VERSION = "18";

    private PostgresBinaries() {}

    /** The directory with {@code bin}, {@code lib} and {@code share}, made if it is not there. */
    static Path unpack(Path directory) throws IOException {
        String resource = resource();
        Path unpacked = directory.resolve("binaries-" + MAJOR_VERSION).toAbsolutePath();
        if (Files.exists(unpacked)) {
            return unpacked;
        }
        Path fresh = directory.resolve("binaries.new").toAbsolutePath();
        delete(fresh);
        try (InputStream packed = PostgresBinaries.class.getResourceAsStream(resource)) {
            if (packed == null) {
                throw new IOException("this program brings no PostgreSQL for " + platform()
                        + "; it does for Linux and macOS on x86-64 and arm64");
            }
            unpack(packed, fresh);
        }
        return Files.move(fresh, unpacked, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Unpacks an archive of binaries, tar compressed with xz. */
    public static void unpack(InputStream packed, Path target) throws IOException {
        try (var archive = new TarArchiveInputStream(new XZInputStream(new BufferedInputStream(packed)))) {
            for (TarArchiveEntry entry = archive.getNextEntry(); entry != null; entry = archive.getNextEntry()) {
                Path path = target.resolve(entry.getName()).normalize();
                if (!path.startsWith(target)) {
                    throw new IOException("an entry outside the archive: " + entry.getName());
                }
                Files.createDirectories(entry.isDirectory() ? path : path.getParent());
                if (entry.isSymbolicLink()) {
                    Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
                } else if (entry.isFile()) {
                    Files.copy(archive, path);
                    boolean executable = (entry.getMode() & 0100) != 0;
                    Files.setPosixFilePermissions(
                            path, PosixFilePermissions.fromString(executable ? "rwxr-xr-x" : "rw-r--r--"));
                }
            }
        }
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private static String resource() {
        return "/postgres-" + platform() + ".txz";
    }

    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("mac") ? "darwin" : "linux";
        String architecture = System.getProperty("os.arch");
        return system + "-" + (architecture.equals("aarch64") ? "arm_64" : "x86_64");
    }
}
