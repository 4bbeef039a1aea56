package dev.switchboard.http;

/** Answers requests; blocking code on virtual threads. */
public interface Handler {
    /** @param client whom the answer goes to */
    Response handle(Request request, Client client);

    /** Of a request's body, where that is less than the settings allow. */
    default int mostBodyBytes() {
        return Integer.MAX_VALUE;
    }

    /** Whether it says itself what OPTIONS allow, where no browser asks for a page. */
    default boolean answersOptions() {
        return false;
    }

    /** Who waits for the answer. */
    interface Client {
        /** Runs this once if the client goes away before it is answered; at once if it is gone already. */
        void whenGone(Runnable action);
    }
}
