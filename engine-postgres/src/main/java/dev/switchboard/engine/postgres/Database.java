package dev.switchboard.engine.postgres;

/**
 * Where a database is and who connects. The password never appears in text.
 *
 * @param url JDBC URL without credentials
 */
public record Database(String url, String user, String password) {
    public Database as(String otherUser, String otherPassword) {
        return new Database(url, otherUser, otherPassword);
    }

    @Override
    public String toString() {
        return user + " at " + url;
    }
}
