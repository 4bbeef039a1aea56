export { BACKOFF, type Backoff, delay } from "./backoff.ts";
export { type CachedList, indexedDbCache, type ListCache } from "./cache.ts";
export { type CallEvent, type CallEventName, type CallEventOf, callEvents } from "./call-events.ts";
export { CallsRealtimeService } from "./calls-realtime-service.ts";
export type { ChannelReport } from "./channels.ts";
export {
  type ChannelStatus,
  type ConnectionEvent,
  type ConnectionState,
  channelToSimple,
  INITIAL,
  isConnected,
  next,
  type SimpleStatus,
  toSimpleStatus,
  worst,
} from "./connection.ts";
export {
  type FormerOffers,
  type IncomingCall,
  type IncomingSources,
  incomingCalls,
  rememberOffers,
} from "./incoming-calls.ts";
export { EMPTY, type ListOptions, type ListState, type LiveError } from "./list-state.ts";
export { type Foreseen, LiveClient, type LiveClientOptions, simpleStatusOf } from "./live-client.ts";
export type { LiveList } from "./live-list.ts";
export { consoleLog, type Log, type LogEntry, type LogKind } from "./log.ts";
export type { Connection } from "./monitor.ts";
export {
  HIGH_SCORE,
  LOW_SCORE,
  type Locale,
  type NotificationOptions,
  type NotificationType,
  type RealtimeNotification,
  RealtimeNotifications,
  type ShowDesktop,
} from "./notifications.ts";
export { defaultPlatform, type Platform } from "./platform.ts";
export { type Query, type QueryOf, STABLE_COLUMNS, type ValueOf } from "./query.ts";
export { getRealtimeService, RealtimeService, type ServicePayload } from "./realtime-service.ts";
export type { StatusListener, Subscription } from "./subscription.ts";
export { type AnySupabaseClient, HEARTBEAT_MS, realtimeOptions, SupabaseTransport } from "./supabase-transport.ts";
export type {
  Change,
  ChangesOf,
  Channel,
  ChannelListener,
  ChannelSpec,
  KeptQuery,
  Operation,
  PresenceState,
  Row,
  SocketEvent,
  Told,
  Transport,
} from "./transport.ts";
export { measureUptime, type UptimeReport } from "./uptime.ts";
