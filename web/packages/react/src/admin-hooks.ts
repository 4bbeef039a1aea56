import type { Row } from "@switchboard/client";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { NOTHING_WRITTEN } from "./live-mutation.ts";
import { useLiveAggregate, useLiveQuery } from "./live-query.ts";
import { type NotificationsOptions, useRealtimeNotifications } from "./operations-hooks.ts";
import { useLiveClient } from "./provider.tsx";
import type { NotificationRow } from "./tables.ts";

export interface SupabaseLiveOptions<T> {
  /** Default: true. */
  readonly enableRealtime?: boolean;
  /** Milliseconds between requests that make sure; default 30,000, 0: none. */
  readonly refreshInterval?: number;
  readonly onInsert?: (row: T) => void;
  readonly onUpdate?: (row: T, old: Partial<T>) => void;
  readonly onDelete?: (old: Partial<T>) => void;
  /** The table's key. Default: `id`. */
  readonly key?: string;
}

/** Document 003's hook: a whole table, as far as the policies show it (FEATURES F003-01). */
export function useSupabaseLive<T extends Row = Row>(table: string, options: SupabaseLiveOptions<T> = {}) {
  const client = useLiveClient();
  const { enableRealtime = true, refreshInterval = 30_000, onInsert, onUpdate, onDelete, key = "id" } = options;
  const list = useLiveQuery<T>((sb) => sb.from(table).select("*"), [table], {
    key: [key],
    realtime: enableRealtime,
    refreshMs: refreshInterval,
    ...(enableRealtime ? {} : { pollMs: refreshInterval > 0 ? refreshInterval : NEVER }),
    // the rows are what the caller says of the table
    onChange: (change) => {
      if (change.kind === "INSERT") {
        onInsert?.(change.new as T);
      } else if (change.kind === "UPDATE") {
        onUpdate?.(change.new as T, change.old as Partial<T>);
      } else {
        onDelete?.(change.old as Partial<T>);
      }
    },
  });
  const reconnect = useCallback(() => client.reconnect(), [client]);
  return {
    data: list.data,
    isConnected: list.isLive,
    loading: list.isLoading,
    error: list.error,
    lastSyncedAt: list.lastSyncedAt,
    reconnect,
  };
}

/** Longer than any page lives, and not too long for a timer. */
const NEVER = 2 ** 31 - 1;

/** What `calculate_admin_kpis()` gives; ratios of nothing are null. */
export interface KpiMetrics {
  readonly recordings_today: number;
  readonly recordings_week: number;
  readonly calls_today: number;
  readonly calls_week: number;
  readonly active_calls: number;
  readonly reps: number;
  readonly active_reps: number;
  readonly rep_adoption: number | null;
  readonly failed_calls: number;
  readonly failure_rate: number | null;
  /** Of the last 50 recordings that are ready or failed, as the two above of calls; absent from servers before them. */
  readonly failed_recordings?: number;
  readonly recording_failure_rate?: number | null;
  readonly computed_at: string;
}

/** Heavy figures: the first change at once, then at most one in 30 s (FEATURES F003-40, C10). */
export function useKpiMetrics(orgId: string | null | undefined, throttleMs = 30_000) {
  const result = useLiveAggregate<KpiMetrics>(
    `calculate_admin_kpis(${orgId ?? ""})`,
    (sb) => (orgId ? sb.rpc("calculate_admin_kpis", { organization: orgId }) : null),
    { changes: tablesOf(orgId, ["calls", "recordings", "user_roles"]), throttleMs, enabled: Boolean(orgId) },
  );
  return { ...result, metrics: result.data };
}

/** What `board_figures()` gives. */
export interface DashboardMetrics {
  readonly in_queue: number;
  readonly longest_wait_s: number | null;
  readonly oldest_entered_at: string | null;
  readonly agents: Readonly<Record<string, number>>;
  readonly active_calls: number;
  readonly today: Readonly<Record<"calls" | "answered" | "abandoned" | "missed" | "failed" | "completed", number>>;
  readonly queues: readonly {
    readonly queue_id: string;
    readonly name: string;
    readonly in_queue: number;
    readonly longest_wait_s: number | null;
    readonly staffed: number;
    readonly available: number;
    readonly busy: number;
  }[];
  readonly computed_at: string;
}

/** Cheap counters of the board: at once, then at most one request in 2 s (FEATURES F004-15, F004-21). */
export function useDashboardMetrics(orgId: string | null | undefined, throttleMs = 2_000) {
  const result = useLiveAggregate<DashboardMetrics>(
    `board_figures(${orgId ?? ""})`,
    (sb) => (orgId ? sb.rpc("board_figures", { organization: orgId }) : null),
    { changes: tablesOf(orgId, ["calls", "voip_users"]), throttleMs, enabled: Boolean(orgId) },
  );
  return { ...result, metrics: result.data };
}

const tablesOf = (orgId: string | null | undefined, tables: readonly string[]) =>
  tables.map((table) => ({ schema: "public", table, filter: `organization_id=eq.${orgId ?? ""}` }));

export interface ManagedUser {
  readonly id: string;
  readonly display_name: string;
  readonly last_seen_at: string | null;
  readonly role: string;
}

interface ProfileRow extends Row {
  readonly id: string;
  readonly display_name: string;
  readonly last_seen_at: string | null;
}

interface RoleRow extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly role: string;
}

/** The members of an organization with their roles, from both tables; a burst of changes is one render. */
export function useUserManagement(orgId: string | null | undefined) {
  const client = useLiveClient();
  // a profile names its user's first organization only, so the roles say who belongs to this one
  const profiles = useLiveQuery<ProfileRow>(
    (sb) => (orgId ? sb.from("profiles").select("*").order("display_name").order("id") : null),
    [orgId],
  );
  const roles = useLiveQuery<RoleRow>(
    (sb) => (orgId ? sb.from("user_roles").select("*").eq("organization_id", orgId) : null),
    [orgId],
  );
  const users = useMemo<readonly ManagedUser[]>(() => {
    const byUser = new Map(roles.data.map((role) => [role.user_id, role.role]));
    return profiles.data
      .filter(({ id }) => byUser.has(id))
      .map(({ id, display_name, last_seen_at }) => ({ id, display_name, last_seen_at, role: byUser.get(id) ?? "" }));
  }, [profiles.data, roles.data]);
  /** @returns what went wrong, or null */
  const setRole = useCallback(
    async (userId: string, role: string) => {
      const { error, data } = await client.supabase
        .from("user_roles")
        .update({ role })
        .eq("user_id", userId)
        .eq("organization_id", orgId ?? "")
        .select("user_id");
      return error ?? (data.length === 0 ? NOTHING_WRITTEN : null);
    },
    [client, orgId],
  );
  return {
    users,
    setRole,
    status: profiles.status === "success" ? roles.status : profiles.status,
    error: profiles.error ?? roles.error,
    isConnected: profiles.isLive && roles.isLive,
  };
}

export interface AdminNotificationsOptions extends NotificationsOptions {
  readonly userId: string | null | undefined;
  /** Shows each on the desktop, where the user has permitted it. */
  readonly enableDesktop?: boolean;
  /** Plays a sound for errors. */
  readonly enableSound?: boolean;
  /** Replaces the tone. */
  readonly playSound?: () => void;
  /** After which one that is not important leaves the toasts. Default: 30 s. */
  readonly toastMs?: number;
}

/** What a user wants of one kind of notification, in every session (table `notification_prefs`). */
export interface NotificationPreference {
  readonly desktop: boolean;
  readonly sound: boolean;
  readonly muted: boolean;
}

interface PreferenceRow extends Row, NotificationPreference {
  readonly organization_id: string;
  readonly kind: string;
}

/** What a preference is of: a kind of notification in an organization, as a notification names both. */
type Preferred = Pick<NotificationRow, "organization_id" | "kind">;

const UNSAID: NotificationPreference = { desktop: true, sound: true, muted: false };

/**
 * Document 003's feed: the user's notifications, on the desktop and heard where options and the user's preferences say so
 * (FEATURES F003-17, F003-24). `toasts` are those to show in front: an important one until it is read, another for 30 s
 * (F003-25, C24); all of them stay in `notifications`.
 */
export function useAdminNotifications({
  userId,
  enableDesktop = false,
  enableSound = false,
  playSound = playTone,
  toastMs = 30_000,
  ...options
}: AdminNotificationsOptions) {
  const { preferenceOf, setPreference } = usePreferencesOf(userId);
  const { platform } = useLiveClient();
  const [fresh, setFresh] = useState<ReadonlySet<string>>(NONE);
  const shown = useRef(new Set<string>());
  const timers = useRef(new Set<() => void>());
  useEffect(() => {
    const { current } = timers;
    return () => {
      for (const cancel of current) {
        cancel();
      }
      current.clear();
    };
  }, []);
  const feed = useRealtimeNotifications(userId, {
    ...options,
    onNotification: (notification) => {
      options.onNotification?.(notification);
      const { id, type } = notification;
      const { desktop, sound, muted } = preferenceOf(notification);
      if (shown.current.has(id) || muted) {
        return;
      }
      shown.current.add(id);
      setFresh((ids) => new Set([...ids, id]));
      if (!isImportant(notification)) {
        timers.current.add(
          platform.after(toastMs, () => setFresh((ids) => new Set([...ids].filter((one) => one !== id)))),
        );
      }
      if (enableDesktop && desktop) {
        showOnDesktop(notification);
      }
      if (enableSound && sound && type === "error") {
        playSound();
      }
    },
  });
  const toasts = feed.notifications.filter(
    (one) => one.read_at === null && fresh.has(one.id) && !isOver(one) && !preferenceOf(one).muted,
  );
  /** To be called from a user's gesture: browsers ask then. */
  const askPermission = useCallback(
    async () => (typeof Notification === "function" ? (await Notification.requestPermission()) === "granted" : false),
    [],
  );
  return { ...feed, toasts, preferenceOf, setPreference, askPermission };
}

const NONE: ReadonlySet<string> = new Set();

/** What an alert was about has passed. */
const isOver = ({ data }: NotificationRow): boolean => typeof data?.ended_at === "string";

const isImportant = ({ type, persistent }: NotificationRow): boolean => persistent || type === "error";

function usePreferencesOf(userId: string | null | undefined) {
  const client = useLiveClient();
  const { data, status } = useLiveQuery<PreferenceRow>(
    (sb) => (userId ? sb.from("notification_prefs").select("*").eq("user_id", userId) : null),
    [userId],
  );
  const preferenceOf = useCallback(
    ({ organization_id, kind }: Preferred): NotificationPreference =>
      data.find((row) => row.organization_id === organization_id && row.kind === kind) ?? UNSAID,
    [data],
  );
  /** Of the kind that a notification is of. @returns what went wrong, or null */
  const setPreference = useCallback(
    async ({ kind, organization_id }: Preferred, change: Partial<NotificationPreference>) => {
      if (status !== "success") {
        return { message: "The preferences are not loaded yet; try again" }; // what was chosen before would be lost
      }
      const { desktop, sound, muted } = { ...preferenceOf({ kind, organization_id }), ...change };
      const { error } = await client.supabase
        .from("notification_prefs")
        .upsert(
          { organization_id, user_id: userId, kind, desktop, sound, muted },
          { onConflict: "organization_id,user_id,kind" },
        );
      return error;
    },
    [client, userId, status, preferenceOf],
  );
  return { preferenceOf, setPreference };
}

function showOnDesktop({ id, title, body }: NotificationRow): void {
  if (typeof Notification === "function" && Notification.permission === "granted") {
    new Notification(title, { body: body ?? "", tag: id });
  }
}

/** A short tone, where there is an audio context; browsers let it be heard once the page was clicked. */
export function playTone(): void {
  if (typeof AudioContext !== "function") {
    return;
  }
  const audio = new AudioContext();
  const oscillator = audio.createOscillator();
  oscillator.frequency.value = 660;
  oscillator.connect(audio.destination);
  oscillator.start();
  oscillator.stop(audio.currentTime + 0.15);
  oscillator.onended = () => void audio.close();
}
