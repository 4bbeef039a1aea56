package dev.switchboard.accounts;

/** Where a request comes from: the client's address, and what it says it is. */
record Origin(String address, String userAgent) {}
