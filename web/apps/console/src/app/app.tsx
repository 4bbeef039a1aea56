import type { LiveError } from "@switchboard/client";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Config, loadConfig, openClient } from "../data/config.ts";
import { OrganizationProvider, SessionProvider, useSession } from "../data/session.tsx";
import { Gate } from "../features/sign-in/gate.tsx";
import { Icon } from "../ui/icon.tsx";
import { ToastProvider } from "../ui/toasts.tsx";
import { router } from "./router.tsx";

const RETRY_MS = 3_000;

/** Asks the server what it is, then who is there, then shows the page. */
export function App() {
  const { config, cause } = useConfig();
  const { t } = useTranslation();
  if (!config) {
    return cause === undefined ? null : <Notice title={t("gate.broken")} text={t("gate.brokenText", { cause })} />;
  }
  if (!config.config.callCentre) {
    return <Notice title={t("app.name")} text={t("gate.noCallCentre")} />;
  }
  return (
    <ToastProvider>
      <SessionProvider {...config} gate={<Gate {...config} />}>
        <OrganizationProvider waiting={null} nowhere={<Nowhere />} broken={(error) => <Broken error={error} />}>
          <RouterProvider router={router} />
        </OrganizationProvider>
      </SessionProvider>
    </ToastProvider>
  );
}

function useConfig() {
  const [config, setConfig] = useState<{ config: Config; supabase: ReturnType<typeof openClient> } | undefined>();
  const [cause, setCause] = useState<string | undefined>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isCurrent = true;
    const ask = () =>
      loadConfig().then(
        (loaded) => isCurrent && setConfig({ config: loaded, supabase: openClient(loaded) }),
        (error: unknown) => {
          if (isCurrent) {
            setCause(error instanceof Error ? error.message : String(error));
            timer = setTimeout(() => void ask(), RETRY_MS);
          }
        },
      );
    void ask();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, []);
  return { config, cause };
}

function Nowhere() {
  const { t } = useTranslation();
  const { email, signOut } = useSession();
  return (
    <Notice title={t("gate.nowhere")} text={t("gate.nowhereText", { email })}>
      <button type="button" className="btn" onClick={() => void signOut()}>
        {t("gate.signOut")}
      </button>
    </Notice>
  );
}

/** A session that the server no longer accepts, or a server that does not answer: never an empty page. */
function Broken({ error }: { readonly error: LiveError }) {
  const { t } = useTranslation();
  const { live, signOut } = useSession();
  const isOver = error.status === 401;
  const cause = [error.status || undefined, error.code].filter(Boolean).join(" ") || error.message;
  return (
    <Notice
      title={t(isOver ? "gate.over" : "gate.broken")}
      text={t(isOver ? "gate.overText" : "gate.brokenText", { cause })}
    >
      <div className="row">
        {!isOver && (
          <button type="button" className="btn" onClick={() => void live.refetchAll()}>
            {t("panel.retry")}
          </button>
        )}
        <button type="button" className="btn" onClick={() => void signOut()}>
          {t(isOver ? "gate.again" : "gate.signOut")}
        </button>
      </div>
    </Notice>
  );
}

function Notice({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text: string;
  readonly children?: React.ReactNode;
}) {
  return (
    <main className="gate">
      <div className="panel blank" role="status">
        <Icon name="info" size="m" />
        <b>{title}</b>
        <span>{text}</span>
        {children}
      </div>
    </main>
  );
}
