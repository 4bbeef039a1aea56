/** Figures that are kept and pushed (SPEC L25, L26). */
@NullMarked
package dev.switchboard.callcenter.figure;

import org.jspecify.annotations.NullMarked;
