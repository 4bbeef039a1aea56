import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { realtimeOptions } from "@switchboard/client";
import * as z from "zod/mini";

const Config = z.object({
  anonKey: z.string(),
  callCentre: z.boolean(),
  signUp: z.boolean(),
  firstRun: z.boolean(),
  demo: z.array(
    z.object({ role: z.string(), name: z.string(), email: z.string(), password: z.string(), organization: z.string() }),
  ),
});

/** What the server says before anybody has signed in. */
export type Config = z.infer<typeof Config>;

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`/config.json answered ${response.status}`);
  }
  return Config.parse(await response.json());
}

/** One client per tab: the official one, with the backoff and heartbeat that the live lists assume. */
export function openClient({ anonKey }: Config): SupabaseClient {
  return createClient(location.origin, anonKey, { realtime: realtimeOptions() });
}
