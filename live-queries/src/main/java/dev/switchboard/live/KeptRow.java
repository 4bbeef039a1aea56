package dev.switchboard.live;

/**
 * A row of an answer.
 *
 * @param key  tells it from the others of its answer, and is the same as long as it is the same row
 * @param json the row, as a JSON object
 */
public record KeptRow(String key, String json) {}
