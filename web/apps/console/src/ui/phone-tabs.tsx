import { useTranslation } from "react-i18next";
import { Icon, type IconName } from "./icon.tsx";
import { openUserMenu } from "./user-menu-store.ts";

export interface PhoneTab {
  /** Its word is `tabs.<id>` in the texts. */
  readonly id: string;
  readonly icon: IconName;
}

interface PhoneTabsProps {
  readonly tabs: readonly PhoneTab[];
  readonly current: string;
  readonly onChoose: (id: string) => void;
}

/** On a phone: one panel at a time, five words at the bottom. The last, "More", is the shell's. */
export function PhoneTabs({ tabs, current, onChoose }: PhoneTabsProps) {
  const { t } = useTranslation();
  return (
    <div className="tabs" role="group" aria-label={t("app.main")}>
      {tabs.map(({ id, icon }) => (
        <button key={id} type="button" aria-pressed={id === current} onClick={() => onChoose(id)}>
          <Icon name={icon} size="l" />
          {t(`tabs.${id}`)}
        </button>
      ))}
      <button type="button" aria-pressed={false} onClick={openUserMenu}>
        <Icon name="more" size="l" />
        {t("tabs.more")}
      </button>
    </div>
  );
}
