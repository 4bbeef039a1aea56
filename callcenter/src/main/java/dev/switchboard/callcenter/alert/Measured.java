package dev.switchboard.callcenter.alert;

import java.math.BigDecimal;
import java.util.Optional;

/** Figures that the server measures of itself, beside those that the database knows. Asked by one thread. */
public interface Measured {
    /** Nothing is. */
    Measured NOTHING = new Measured() {
        @Override
        public Optional<BigDecimal> figure(String metric) {
            return Optional.empty();
        }

        @Override
        public boolean isStrained() {
            return false;
        }
    };

    /** Its figure of that name ({@code server_storage_pct}, {@code server_errors_pct}, {@code server_lag_s}); empty where it has none. */
    Optional<BigDecimal> figure(String metric);

    /** Whether one of them is such that every organization's rules over them are worth a look. */
    boolean isStrained();
}
