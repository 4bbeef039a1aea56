/** Benchmarks: ratios within one run decide, absolute figures are reported with the machine. */
@NullMarked
package dev.switchboard.bench;

import org.jspecify.annotations.NullMarked;
