package dev.switchboard.engine.model;

/**
 * A column of a relation as the WAL describes it.
 *
 * @param name    as in pg_attribute, unquoted
 * @param typeOid pg_type.oid
 * @param key     whether it belongs to the replica identity
 */
public record Column(String name, int typeOid, boolean key) {}
