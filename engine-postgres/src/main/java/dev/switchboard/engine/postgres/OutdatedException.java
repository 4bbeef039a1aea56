package dev.switchboard.engine.postgres;

import java.util.Map;

/** What was known of a table is not so any more: policies, grants or roles have changed. */
final class OutdatedException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Map<CatalogVersion.Item, String> versions;

    /** @param versions of the catalog as they are now, by the tables' oids */
    OutdatedException(Map<CatalogVersion.Item, String> versions) {
        super("the catalog has changed");
        this.versions = versions;
    }

    Map<CatalogVersion.Item, String> versions() {
        return versions;
    }
}
