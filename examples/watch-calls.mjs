// Watches the calls that a user may see, with the official client.
//   npm --prefix examples ci
//   node examples/watch-calls.mjs URL ANON_KEY USER_TOKEN
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const [url, anonKey, token] = process.argv.slice(2);
if (!token) {
  console.error("Usage: node examples/watch-calls.mjs URL ANON_KEY USER_TOKEN (./switchboard start --demo prints them)");
  process.exit(2);
}

const supabase = createClient(url, anonKey, {
  accessToken: async () => token,
  realtime: { transport: ws },
});

supabase
  .channel("calls")
  .on("postgres_changes", { event: "*", schema: "public", table: "calls" }, (change) => {
    const call = change.eventType === "DELETE" ? change.old : change.new;
    const before = change.eventType === "UPDATE" && change.old.state !== call.state ? `${change.old.state} -> ` : "";
    console.log(change.commit_timestamp, change.eventType.padEnd(6), call.from_number, before + call.state);
  })
  .subscribe((status, error) => console.log(status, error?.message ?? ""));
