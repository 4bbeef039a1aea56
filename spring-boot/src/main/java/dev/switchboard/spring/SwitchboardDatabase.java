package dev.switchboard.spring;

import dev.switchboard.engine.postgres.Database;

/** The database that changes come from; a bean of this type takes the place of what the properties say. */
public record SwitchboardDatabase(Database database) {}
