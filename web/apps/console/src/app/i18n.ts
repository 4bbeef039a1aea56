import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "../locales/en.ts";

export const LANGUAGES = { en: "English", "pt-BR": "Português" } as const;
export type Language = keyof typeof LANGUAGES;
const KEY = "switchboard:language";

/** The language that was chosen, else the browser's. */
export async function startLanguages(): Promise<void> {
  const wanted = localStorage.getItem(KEY) ?? (navigator.language.startsWith("pt") ? "pt-BR" : "en");
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React does
  });
  await chooseLanguage(wanted === "pt-BR" ? "pt-BR" : "en");
}

export async function chooseLanguage(language: Language): Promise<void> {
  if (language === "pt-BR" && !i18next.hasResourceBundle("pt-BR", "translation")) {
    const { ptBR } = await import("../locales/pt-BR.ts");
    i18next.addResourceBundle("pt-BR", "translation", ptBR);
  }
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  await i18next.changeLanguage(language);
}
