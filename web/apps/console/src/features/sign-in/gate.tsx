import type { SupabaseClient } from "@supabase/supabase-js";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Config, loadConfig } from "../../data/config.ts";
import { initials } from "../../floor/names.ts";
import { Icon, Logo } from "../../ui/icon.tsx";

interface GateProps {
  readonly config: Config;
  readonly supabase: SupabaseClient;
}

/** Who has not signed in stands here: the first makes the owner, in a demo one click suffices. */
export function Gate({ config, supabase }: GateProps) {
  const { t } = useTranslation();
  const firstRun = useFirstRun(config);
  return (
    <main className="gate">
      <div className="panel">
        <div className="row">
          <Logo />
          <h1>{t(firstRun ? "gate.first" : "gate.title")}</h1>
        </div>
        {config.demo.length > 0 && <DemoUsers config={config} supabase={supabase} />}
        {firstRun ? <FirstOwner supabase={supabase} /> : <SignIn supabase={supabase} />}
      </div>
    </main>
  );
}

/** Whether nobody owns the installation yet: asked again each time that somebody stands here. */
function useFirstRun(config: Config): boolean {
  const [firstRun, setFirstRun] = useState(config.firstRun);
  useEffect(() => {
    let isCurrent = true;
    loadConfig().then(
      (now) => isCurrent && setFirstRun(now.firstRun),
      () => {}, // the server is asked again with the next attempt
    );
    return () => {
      isCurrent = false;
    };
  }, []);
  return firstRun;
}

const ORDER = ["supervisor", "agent", "admin"];

function DemoUsers({ config, supabase }: GateProps) {
  const { t } = useTranslation();
  const { error, run, isBusy } = useAttempt();
  const users = [...config.demo].sort(
    (a, b) =>
      Number(a.organization !== config.demo[0]?.organization) -
        Number(b.organization !== config.demo[0]?.organization) || ORDER.indexOf(a.role) - ORDER.indexOf(b.role),
  );
  return (
    <>
      <p className="quiet">{t("gate.demo")}</p>
      <ul style={{ display: "grid", gap: 8 }}>
        {users.map(({ email, password, name, role, organization }) => (
          <li key={email}>
            <button
              type="button"
              className="demo-user"
              disabled={isBusy}
              onClick={() => run(() => supabase.auth.signInWithPassword({ email, password }))}
            >
              <span className="face" aria-hidden="true">
                {initials(name)}
              </span>
              <span className="grow">
                <span className="mid">{t(`roles.${role}`)}</span>
                <span className="faint" style={{ display: "block", fontSize: 12 }}>
                  {name}, {organization}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <Problem error={error} />
      <p className="faint">{t("gate.or")}</p>
    </>
  );
}

function SignIn({ supabase }: { readonly supabase: SupabaseClient }) {
  const { t } = useTranslation();
  const { error, run, isBusy } = useAttempt();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    run(() => supabase.auth.signInWithPassword({ email: text(form, "email"), password: text(form, "password") }));
  };
  return (
    <form onSubmit={submit} style={{ display: "grid", gap: 12 }}>
      <Field name="email" label={t("gate.email")} type="email" autoComplete="username" />
      <Field name="password" label={t("gate.password")} type="password" autoComplete="current-password" />
      <Problem error={error} />
      <button type="submit" className="btn ink" disabled={isBusy}>
        {t("gate.submit")}
      </button>
    </form>
  );
}

function FirstOwner({ supabase }: { readonly supabase: SupabaseClient }) {
  const { t } = useTranslation();
  const { error, run, isBusy } = useAttempt();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    run(() =>
      supabase.auth.signUp({
        email: text(form, "email"),
        password: text(form, "password"),
        options: { data: { display_name: text(form, "name"), organization: text(form, "organization") } },
      }),
    );
  };
  return (
    <form onSubmit={submit} style={{ display: "grid", gap: 12 }}>
      <p className="quiet">{t("gate.firstText")}</p>
      <Field name="organization" label={t("gate.organization")} type="text" autoComplete="organization" />
      <Field name="name" label={t("gate.name")} type="text" autoComplete="name" />
      <Field name="email" label={t("gate.email")} type="email" autoComplete="username" />
      <Field name="password" label={t("gate.password")} type="password" autoComplete="new-password" />
      <Problem error={error} />
      <button type="submit" className="btn ink" disabled={isBusy}>
        {t("gate.create")}
      </button>
    </form>
  );
}

const text = (form: FormData, name: string): string => String(form.get(name) ?? "");

function Field({
  name,
  label,
  type,
  autoComplete,
}: {
  name: string;
  label: string;
  type: string;
  autoComplete: string;
}) {
  return (
    <label className="field">
      <span className="quiet">{label}</span>
      <input name={name} type={type} autoComplete={autoComplete} required />
    </label>
  );
}

function Problem({ error }: { readonly error: string | undefined }) {
  return error ? (
    <p className="problem" role="alert">
      <Icon name="warning" />
      {error}
    </p>
  ) : null;
}

/** One attempt at a time; what the server refuses is said in words. */
function useAttempt() {
  const { t } = useTranslation();
  const [error, setError] = useState<string | undefined>();
  const [isBusy, setBusy] = useState(false);
  const run = (attempt: () => Promise<{ error: { message: string; code?: string | undefined } | null }>) => {
    setBusy(true);
    setError(undefined);
    void attempt().then(({ error: refused }) => {
      setBusy(false);
      setError(refused ? (refused.code === "invalid_credentials" ? t("gate.wrong") : refused.message) : undefined);
    });
  };
  return { error, isBusy, run };
}
