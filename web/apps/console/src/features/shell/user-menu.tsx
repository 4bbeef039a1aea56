import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { chooseLanguage, LANGUAGES, type Language } from "../../app/i18n.ts";
import { chooseTheme, currentTheme, type Preferences, usePreferences } from "../../data/preferences.ts";
import { useSelfProfile } from "../../data/profile.ts";
import { useOrganization, useSession } from "../../data/session.tsx";
import { initials } from "../../floor/names.ts";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { useUserMenu } from "../../ui/user-menu-store.ts";
import { PAGES } from "./pages.ts";

/** Who is signed in, and what they chose for this device. */
export function UserMenu() {
  const { t, i18n } = useTranslation();
  const { email, signOut } = useSession();
  const { current, all, switchTo } = useOrganization();
  const { preferences, choose } = usePreferences();
  const navigate = useNavigate();
  const { isOpen, setOpen } = useUserMenu();
  const name = useSelfProfile()?.display_name ?? email;
  const theme = currentTheme(); // read whenever the menu opens
  const items: MenuItem[] = [
    { kind: "label", label: `${name}, ${t(`roles.${current.role}`)}` },
    ...PAGES.map(
      ({ path, page }): MenuItem => ({
        kind: "action",
        label: t(`pages.${page}`),
        run: () => void navigate({ to: path }),
      }),
    ),
    { kind: "line" },
    {
      kind: "group",
      label: t("head.organization"),
      items: all.map(({ organizationId, name: title }) => ({
        kind: "action",
        label: title,
        isChecked: organizationId === current.organizationId,
        run: () => switchTo(organizationId),
      })),
    },
    {
      kind: "group",
      label: t("head.language"),
      items: (Object.keys(LANGUAGES) as Language[]).map((language) => ({
        kind: "action",
        label: LANGUAGES[language],
        isChecked: i18n.language === language,
        run: () => void chooseLanguage(language),
      })),
    },
    {
      kind: "group",
      label: t("head.theme"),
      items: [
        { kind: "action", label: t("head.themeDark"), isChecked: theme === "dark", run: () => chooseTheme("dark") },
        { kind: "action", label: t("head.themeLight"), isChecked: theme === "light", run: () => chooseTheme("light") },
      ],
    },
    {
      kind: "group",
      label: t("head.density"),
      items: (["comfortable", "compact", "spacious"] as const).map((density: Preferences["density"]) => ({
        kind: "action",
        label: t(`head.${density}`),
        isChecked: preferences.density === density,
        run: () => choose({ density }),
      })),
    },
    {
      kind: "action",
      label: t("head.keys"),
      isChecked: preferences.keys,
      run: () => choose({ keys: !preferences.keys }),
    },
    { kind: "line" },
    { kind: "action", label: t("gate.signOut"), icon: "power", run: () => void signOut() },
  ];
  return (
    <Menu
      align="end"
      items={items}
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <button type="button" className="btn flat icon" aria-label={`${initials(name)}, ${name}`}>
          <span className="face" aria-hidden="true">
            {initials(name)}
          </span>
        </button>
      }
    />
  );
}
