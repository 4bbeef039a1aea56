import type { SupabaseClient } from "@supabase/supabase-js";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import * as z from "zod/mini";
import { useToasts } from "../ui/toasts.tsx";
import { useOrganization, useSession } from "./session.tsx";

const Problem = z.object({
  code: z.string(),
  detail: z.optional(z.string()),
  claimedBy: z.optional(z.object({ name: z.string() })),
});

/** What the server refused, by its code. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** Who was quicker. */
  readonly holder: string | undefined;

  constructor(status: number, code: string, detail: string, holder: string | undefined) {
    super(detail);
    this.status = status;
    this.code = code;
    this.holder = holder;
  }
}

const PATIENCE_MS = 10_000;

async function request(
  supabase: SupabaseClient,
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<unknown> {
  const { data } = await supabase.auth.getSession();
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { Authorization: `Bearer ${data.session?.access_token ?? ""}`, "Content-Type": "application/json" },
      ...(method === "POST" ? { body: JSON.stringify(body ?? {}) } : {}),
    });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer", undefined);
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) {
    return answer;
  }
  const problem = Problem.safeParse(answer);
  throw problem.success
    ? new ApiError(response.status, problem.data.code, problem.data.detail ?? "", problem.data.claimedBy?.name)
    : new ApiError(response.status, String(response.status), response.statusText, undefined);
}

const Health = z.object({
  status: z.enum(["healthy", "degraded"]),
  reasons: z.array(z.string()),
  activeCalls: z.number(),
  recentTimeouts: z.number(),
  failureRate: z.nullable(z.number()),
  totalCalls: z.number(),
});

/** Asks how the organization's calls are. */
export function useHealthCheck() {
  const { supabase } = useSession();
  const { organizationId } = useOrganization().current;
  return useMemo(
    () => async () =>
      Health.parse(await request(supabase, "GET", `/calls/health-check?organization_id=${organizationId}`)),
    [supabase, organizationId],
  );
}

export type Verb =
  | "claim"
  | "decline"
  | "start"
  | "hold"
  | "unhold"
  | "unpark"
  | "complete-transfer"
  | "cancel-transfer"
  | "end";

/**
 * The commands on calls and agents. Each says whether the server did it; what it refused is told as a toast, in words.
 * What a command changes arrives like every other change; where nothing is live, it is asked for at once (FEATURES F000-16).
 */
export function useCommands() {
  const { supabase, userId, live } = useSession();
  const { organizationId } = useOrganization().current;
  const toasts = useToasts();
  const { t } = useTranslation();
  return useMemo(() => {
    const run = async (key: string, path: string, body?: object): Promise<boolean> => {
      try {
        await request(supabase, "POST", path, body);
        if (live.connection.getSnapshot().state.kind !== "live") {
          void live.refetchAll();
        }
        return true;
      } catch (error) {
        if (!(error instanceof ApiError)) {
          throw error;
        }
        const title = error.holder
          ? t("errors.taken", { name: error.holder })
          : t([`errors.${error.code}`, "errors.other"]);
        toasts.show({ key, kind: error.holder ? "info" : "error", title, detail: error.holder ? "" : error.message });
        return false;
      }
    };
    const call = (id: string, verb: string, body?: object) => run(`call:${id}`, `/calls/${id}/${verb}`, body);
    const inOrganization = `?organization_id=${organizationId}`;
    return {
      verb: (callId: string, verb: Verb) => call(callId, verb),
      /** Takes a ringing call; in place of a telephone, the browser says at once that its leg is there. */
      answer: async (callId: string) => (await call(callId, "claim")) && (await call(callId, "start")),
      take: async (callId: string) => (await call(callId, "unpark")) && (await call(callId, "start")),
      mute: (callId: string, muted: boolean) => call(callId, "mute", { muted }),
      park: (callId: string, slot?: number) => call(callId, "park", slot === undefined ? {} : { slot }),
      transfer: (callId: string, to: string, kind: "blind" | "attended") => call(callId, "transfer", { to, kind }),
      transferToQueue: (callId: string, queueId: string) => call(callId, "transfer", { queueId }),
      wrapUp: (callId: string, code: string | undefined) => call(callId, "wrap-up", code ? { code } : {}),
      setState: (agentId: string, state: "available" | "paused" | "offline", reason?: string) =>
        run(`agent:${agentId}`, `/agents/${agentId === userId ? "me" : agentId}/state${inOrganization}`, {
          state,
          ...(reason ? { reason } : {}),
        }),
      setReachable: (reachable: boolean) => run("device", `/agents/me/device${inOrganization}`, { reachable }),
    };
  }, [supabase, live, userId, organizationId, toasts, t]);
}
