import type { Session, SupabaseClient } from "@supabase/supabase-js";
import { LiveClient, type LiveError, type Row } from "@switchboard/client";
import { LiveProvider, useLiveQuery } from "@switchboard/react";
import { createContext, Fragment, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { setTimeZone } from "../ui/clock.tsx";
import type { Config } from "./config.ts";

export type Role = "owner" | "admin" | "supervisor" | "agent" | "viewer" | "auditor";

export interface Membership {
  readonly organizationId: string;
  readonly name: string;
  readonly role: Role;
}

interface SessionValue {
  readonly config: Config;
  readonly supabase: SupabaseClient;
  readonly userId: string;
  readonly email: string;
  readonly live: LiveClient;
  readonly signOut: () => Promise<void>;
}

/** A board that changes ten times a second is as quick as eyes are, and leaves the page its time. */
const BATCH_MS = 100;

const SessionContext = createContext<SessionValue | null>(null);

interface SessionProviderProps {
  readonly config: Config;
  readonly supabase: SupabaseClient;
  /** Shown to who has not signed in. */
  readonly gate: ReactNode;
  readonly children: ReactNode;
}

/** Who is signed in, with the live client of this user; the gate for everybody else. */
export function SessionProvider({ config, supabase, gate, children }: SessionProviderProps) {
  const { i18n } = useTranslation();
  const [session, setSession] = useState<Session | null | undefined>();
  useEffect(() => {
    void supabase.auth.getSession().then(({ data }) => setSession(data.session));
    const { data } = supabase.auth.onAuthStateChange((_, next) => setSession(next));
    return () => data.subscription.unsubscribe();
  }, [supabase]);
  const userId = session?.user.id;
  const email = session?.user.email ?? "";
  const value = useMemo<SessionValue | null>(() => {
    if (userId === undefined) {
      return null;
    }
    // a role that comes or goes decides what may be seen, so everything is asked afresh
    const refetchOn = [{ schema: "public", table: "user_roles", filter: `user_id=eq.${userId}` }];
    const live = new LiveClient(supabase, { refetchOn, hiddenMs: null, batchMs: BATCH_MS, debug: import.meta.env.DEV });
    const signOut = async () => {
      live.close();
      await supabase.auth.signOut({ scope: "local" });
    };
    return { config, supabase, userId, email, live, signOut };
  }, [config, supabase, userId, email]);
  const token = session?.access_token;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a renewed token may try again what an old one could not
  useEffect(() => value?.live.signedIn(), [value, token]);
  useEffect(() => (value ? () => value.live.close() : undefined), [value]);
  if (session === undefined) {
    return null;
  }
  if (!value) {
    return gate;
  }
  return (
    <SessionContext.Provider value={value}>
      <LiveProvider client={value.live} locale={i18n.language === "pt-BR" ? "pt-BR" : "en"}>
        {children}
      </LiveProvider>
    </SessionContext.Provider>
  );
}

export function useSession(): SessionValue {
  const session = useContext(SessionContext);
  if (!session) {
    throw new Error("useSession works below a signed-in SessionProvider");
  }
  return session;
}

interface OrganizationValue {
  readonly current: Membership;
  readonly all: readonly Membership[];
  readonly switchTo: (organizationId: string) => void;
}

const OrganizationContext = createContext<OrganizationValue | null>(null);
const CHOSEN = "switchboard:organization";

interface RoleRow extends Row {
  readonly organization_id: string;
  readonly role: Role;
}
interface OrganizationRow extends Row {
  readonly id: string;
  readonly name: string;
  readonly timezone: string;
}

const OWNED: readonly string[] = ["user_id"];

interface OrganizationProviderProps {
  /** Shown while nothing is known yet, and to who belongs to none. */
  readonly waiting: ReactNode;
  readonly nowhere: ReactNode;
  /** Shown where it cannot be asked who they are. */
  readonly broken: (error: LiveError) => ReactNode;
  readonly children: ReactNode;
}

/** The organization that is looked at: live, so that a role that is taken away takes effect here too. */
export function OrganizationProvider({ waiting, nowhere, broken, children }: OrganizationProviderProps) {
  const { userId } = useSession();
  const [chosen, setChosen] = useState(() => localStorage.getItem(CHOSEN));
  const roles = useLiveQuery<RoleRow>((sb) => sb.from("user_roles").select("*").eq("user_id", userId), [userId], {
    stable: OWNED,
  });
  const organizations = useLiveQuery<OrganizationRow>((sb) => sb.from("organizations").select("*").order("name"), []);
  const all = useMemo(
    () =>
      organizations.data.flatMap(({ id, name }) => {
        const role = roles.data.find(({ organization_id }) => organization_id === id)?.role;
        return role ? [{ organizationId: id, name, role }] : [];
      }),
    [organizations.data, roles.data],
  );
  const current = all.find(({ organizationId }) => organizationId === chosen) ?? all[0];
  const switchTo = useCallback((organizationId: string) => {
    localStorage.setItem(CHOSEN, organizationId);
    setChosen(organizationId);
  }, []);
  setTimeZone(organizations.data.find(({ id }) => id === current?.organizationId)?.timezone);
  const value = useMemo(() => (current ? { current, all, switchTo } : null), [current, all, switchTo]);
  const error = [roles, organizations].find(({ status }) => status === "error")?.error;
  if (!value && error) {
    return broken(error);
  }
  if (!value) {
    return roles.status === "success" && organizations.status === "success" ? nowhere : waiting;
  }
  return (
    <OrganizationContext.Provider value={value}>
      {/* nothing of one organization's pages stays for another's */}
      <Fragment key={value.current.organizationId}>{children}</Fragment>
    </OrganizationContext.Provider>
  );
}

export function useOrganization(): OrganizationValue {
  const organization = useContext(OrganizationContext);
  if (!organization) {
    throw new Error("useOrganization works below an OrganizationProvider");
  }
  return organization;
}

const CONTROL: readonly Role[] = ["owner", "admin", "supervisor"];

/** What the role of the one who looks allows; the server decides again. */
export function usePermissions() {
  const { role } = useOrganization().current;
  return {
    canControl: CONTROL.includes(role),
    canHandle: CONTROL.includes(role) || role === "agent",
    canReadCalls: role !== "viewer",
  };
}
