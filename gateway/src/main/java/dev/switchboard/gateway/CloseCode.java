package dev.switchboard.gateway;

/** Close codes that this server sends (RFC 6455, section 7.4.1). */
final class CloseCode {
    static final int NORMAL = 1000;
    static final int PROTOCOL_ERROR = 1002;
    static final int TOO_LARGE = 1009;
    static final int SERVICE_RESTART = 1012;
    static final int TRY_AGAIN_LATER = 1013;

    /** Codes beyond are of no range of the standard; Netty's decoder refuses the smaller wrong ones. */
    static final int LARGEST = 4999;

    private CloseCode() {}
}
