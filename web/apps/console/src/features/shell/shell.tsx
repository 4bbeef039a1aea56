import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useServerClock } from "../../data/floor.ts";
import { chooseTheme, currentTheme } from "../../data/preferences.ts";
import { useOrganization } from "../../data/session.tsx";
import { useKeys } from "../../floor/keys.ts";
import { useSearch } from "../../floor/search.ts";
import { Icon, Logo } from "../../ui/icon.tsx";
import { Menu } from "../../ui/menu.tsx";
import { HealthPill } from "./health-pill.tsx";
import { HelpDialog } from "./help-dialog.tsx";
import { IncomingAlarm } from "./incoming-alarm.tsx";
import { NotificationBell } from "./notification-bell.tsx";
import { PAGES } from "./pages.ts";
import { UserMenu } from "./user-menu.tsx";

interface ShellProps {
  /** The connection's pill: another feature's. */
  readonly connection: React.ReactNode;
}

/** The frame of every page: rail, header, and the page itself. */
export function Shell({ connection }: ShellProps) {
  const { t } = useTranslation();
  const [isHelpOpen, setHelpOpen] = useState(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const page = PAGES.find((one) => one.path === path) ?? PAGES[0];
  usePageKeys(() => setHelpOpen(true));
  useServerClock();
  return (
    <div className="app">
      <a href="#page" className="sr skip">
        {t("app.skip")}
      </a>
      <Rail onHelp={() => setHelpOpen(true)} />
      <header className="head" style={{ minWidth: 0 }}>
        <h1>{t(`pages.${page.page}`)}</h1>
        <OrganizationSwitch />
        <span className="grow" id="head-slot" style={{ display: "flex", gap: 12, alignItems: "center" }} />
        <Search />
        <HealthPill />
        {connection}
        <NotificationBell />
        <UserMenu />
      </header>
      <main className="main" id="page" tabIndex={-1} style={{ outline: 0 }}>
        <Outlet />
      </main>
      <IncomingAlarm title={`${t(`pages.${page.page}`)} · Switchboard`} />
      <HelpDialog isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </div>
  );
}

/** `G` and a page's letter within a second; `?` for help. */
function usePageKeys(onHelp: () => void): void {
  const navigate = useNavigate();
  const lastG = useRef(0);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const page = PAGES.find(({ key }) => key === event.key);
      const isField = event.target instanceof Element && event.target.closest("input, textarea, select") !== null;
      const isModified = event.ctrlKey || event.metaKey || event.altKey;
      if (page && !isField && !isModified && Date.now() - lastG.current < 1_000) {
        lastG.current = 0;
        event.preventDefault();
        event.stopImmediatePropagation(); // the letter is not a command too
        void navigate({ to: page.path });
      }
    };
    document.addEventListener("keydown", press, { capture: true });
    return () => document.removeEventListener("keydown", press, { capture: true });
  }, [navigate]);
  useKeys({
    g: () => {
      lastG.current = Date.now();
    },
    "?": onHelp,
  });
}

function Rail({ onHelp }: { readonly onHelp: () => void }) {
  const { t } = useTranslation();
  return (
    <nav className="rail" aria-label={t("app.main")}>
      <span className="logo" style={{ display: "grid", placeItems: "center" }}>
        <Logo />
      </span>
      {PAGES.map(({ path, page, icon }) => (
        <Link
          key={path}
          to={path}
          aria-label={t(`pages.${page}`)}
          title={t(`pages.${page}`)}
          activeOptions={{ exact: true }}
          activeProps={{ "aria-current": "page" }}
        >
          <Icon name={icon} size="l" />
        </Link>
      ))}
      <button
        type="button"
        className="push"
        aria-label={t("head.theme")}
        title={t("head.theme")}
        onClick={() => chooseTheme(currentTheme() === "dark" ? "light" : "dark")}
      >
        <Icon name="sun" size="l" />
      </button>
      <button type="button" aria-label={t("head.help")} title={t("head.help")} onClick={onHelp}>
        <Icon name="help" size="l" />
      </button>
    </nav>
  );
}

function OrganizationSwitch() {
  const { t } = useTranslation();
  const { current, all, switchTo } = useOrganization();
  if (all.length < 2) {
    return <span className="quiet wide cut">{current.name}</span>;
  }
  return (
    <Menu
      items={all.map(({ organizationId, name }) => ({
        kind: "action",
        label: name,
        isChecked: organizationId === current.organizationId,
        run: () => switchTo(organizationId),
      }))}
      trigger={
        <button type="button" className="btn flat sm wide" aria-label={`${t("head.organization")}: ${current.name}`}>
          {current.name}
          <Icon name="down" size="xs" />
        </button>
      }
    />
  );
}

function Search() {
  const { t } = useTranslation();
  const { query, setQuery } = useSearch();
  const field = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => field.current?.focus() });
  return (
    <search className="find wide">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label={t("head.search")}
        placeholder={t("head.search")}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            setQuery("");
            event.currentTarget.blur();
          }
        }}
      />
      <kbd>/</kbd>
    </search>
  );
}
