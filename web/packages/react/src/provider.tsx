import { type AnySupabaseClient, LiveClient, type LiveClientOptions, type Locale } from "@switchboard/client";
import { createContext, type ReactNode, useContext, useMemo } from "react";

interface Live {
  readonly client: LiveClient;
  readonly locale: Locale;
}

const LiveContext = createContext<Live | null>(null);
/** One live client per Supabase client, however often a provider is mounted. */
const clients = new WeakMap<AnySupabaseClient, LiveClient>();

export interface LiveProviderProps {
  /** The official client, or a live client that was made with other options. */
  readonly client: AnySupabaseClient | LiveClient;
  /** Of the live client that is made of an official one; the first provider's count. */
  readonly options?: LiveClientOptions;
  /** Of the texts of components. Default: `en`. */
  readonly locale?: Locale;
  readonly children?: ReactNode;
}

/** Gives hooks and components below it their client. */
export function LiveProvider({ client, options, locale = "en", children }: LiveProviderProps) {
  const live = client instanceof LiveClient ? client : liveClientOf(client, options);
  const value = useMemo(() => ({ client: live, locale }), [live, locale]);
  return <LiveContext.Provider value={value}>{children}</LiveContext.Provider>;
}

function liveClientOf(client: AnySupabaseClient, options: LiveClientOptions | undefined): LiveClient {
  const live = clients.get(client) ?? new LiveClient(client, options);
  clients.set(client, live);
  return live;
}

/** @throws Error outside of a {@link LiveProvider} */
export function useLiveClient(): LiveClient {
  return useLive().client;
}

export function useLocale(): Locale {
  return useLive().locale;
}

function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) {
    throw new Error("Live hooks and components work below a <LiveProvider client={supabase}>");
  }
  return live;
}
