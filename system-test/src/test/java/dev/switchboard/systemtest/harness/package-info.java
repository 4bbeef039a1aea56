/**
 * What the tests stand on: real servers and PostgreSQLs, clients that decide nothing, proxies that cut. In, what a test wishes; out,
 * what it looks at; owns the directories and processes that it made.
 */
package dev.switchboard.systemtest.harness;
