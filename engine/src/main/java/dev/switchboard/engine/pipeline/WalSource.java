package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.Lsn;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/** Port to the replication stream. Used by the WAL thread alone, except {@link #close}. */
public interface WalSource extends AutoCloseable {
    /**
     * Starts the stream; creates the slot where there never was one.
     *
     * @param start the end of the last transaction that was delivered, or {@link Lsn#NONE} for the slot's own position
     * @throws WalUnavailableException if PostgreSQL cannot serve it now
     * @throws SlotLostException       if the slot is gone or invalid: changes may be missing
     */
    Stream open(Lsn start) throws WalUnavailableException, SlotLostException;

    /** Replaces a lost slot by a new one, whose stream begins now. */
    void renewSlot() throws WalUnavailableException;

    /** Ends the running stream from any thread, and refuses new ones. */
    @Override
    void close();

    /** A running stream. */
    interface Stream extends AutoCloseable {
        /** The next message, waiting about a millisecond for it. */
        Optional<ByteBuffer> read() throws WalUnavailableException;

        /** The publications whose changes it brings, in the order in which they were asked for. */
        List<String> publications();

        /** Where the slot was when the stream was opened: what was committed from there on comes. */
        Lsn from();

        /** Where positions are the same: of one database, timeline, and choice of publications. */
        String origin();

        /** Of WAL that PostgreSQL can keep for the slot. */
        long mostBehind();

        /** Up to where everything has been received, also without messages. */
        Lsn received();

        /** Tells PostgreSQL that everything before this has been delivered; sent with the next status. */
        void confirm(Lsn delivered) throws WalUnavailableException;

        /**
         * Tells PostgreSQL that it may forget what comes before this, and need not wait for the rest when it stops; sent with the next status. The
         * rest comes again when the slot is read anew.
         */
        void keepFrom(Lsn kept) throws WalUnavailableException;

        /** {@link #confirm} without waiting for the next status, for one that ends and is to begin there again. */
        void confirmAtOnce(Lsn delivered) throws WalUnavailableException;

        @Override
        void close();
    }

    /** No stream now; try again. */
    final class WalUnavailableException extends Exception {
        private static final long serialVersionUID = 1L;

        public WalUnavailableException(String what, Throwable cause) {
            super(what, cause);
        }
    }

    /** The slot is gone or was invalidated. */
    final class SlotLostException extends Exception {
        private static final long serialVersionUID = 1L;

        public SlotLostException(String what) {
            super(what);
        }
    }
}
