/** The call centre over HTTP: {@code /api}, from requests to commands and back. */
@NullMarked
package dev.switchboard.callcenter.api;

import org.jspecify.annotations.NullMarked;
