/** The chosen language as React context; the choice is remembered in this browser. */
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { createFormat, type Format } from '../format.ts'
import { createTranslate, pickLanguage, type Language, type Translate } from './translate.ts'

export interface LanguageContext {
  readonly language: Language
  readonly setLanguage: (language: Language) => void
  readonly t: Translate
  readonly format: Format
}

const storageKey = 'settee.language'
const context = createContext<LanguageContext | null>(null)

export function LanguageProvider(props: { readonly children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState(() => pickLanguage(readChoice(), navigator.language))
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  }, [language])
  const value = useMemo(() => {
    const t = createTranslate(language)
    return {
      language,
      setLanguage: rememberThen(setLanguage),
      t,
      format: createFormat(language, t),
    }
  }, [language])
  return <context.Provider value={value}>{props.children}</context.Provider>
}

export function useLanguage(): LanguageContext {
  const value = useContext(context)
  if (value === null) throw new Error('useLanguage outside of LanguageProvider')
  return value
}

// Storage may be forbidden (private windows, embedded frames); the choice then lasts for the page.
function readChoice(): string | null {
  try {
    return localStorage.getItem(storageKey)
  } catch {
    return null
  }
}

function rememberThen(apply: (language: Language) => void): (language: Language) => void {
  return (language) => {
    try {
      localStorage.setItem(storageKey, language)
    } catch {
      // Not remembered, still applied.
    }
    apply(language)
  }
}
