/**
 * The data API: tables and functions over HTTP, as PostgREST's clients expect them. In reading order: a request is parsed into
 * a tree ({@link dev.switchboard.data.Query}), resolved against the catalog ({@link dev.switchboard.data.Catalog})
 * into a plan, written as SQL, and run in one round trip under the role and the claims of its token.
 */
@NullMarked
package dev.switchboard.data;

import org.jspecify.annotations.NullMarked;
