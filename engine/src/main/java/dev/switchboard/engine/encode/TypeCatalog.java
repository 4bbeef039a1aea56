package dev.switchboard.engine.encode;

/** Port to pg_type. Blocking on the first question for a type, then from memory. */
public interface TypeCatalog {
    /**
     * The type with that oid; a type that does not exist any more is {@link ColumnType.Unsupported}.
     *
     * @throws TypeCatalogUnavailableException if PostgreSQL cannot be asked now
     */
    ColumnType typeOf(int oid) throws TypeCatalogUnavailableException;

    /** PostgreSQL cannot be asked now; ask again. */
    final class TypeCatalogUnavailableException extends Exception {
        private static final long serialVersionUID = 1L;

        public TypeCatalogUnavailableException(Throwable cause) {
            super("cannot read pg_type: " + cause.getMessage(), cause);
        }
    }
}
