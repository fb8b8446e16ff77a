/**
 * The dictionary at work: a key and values become a sentence in the language of the reader. Keys
 * are checked by the compiler, so no sentence can be missing in one language.
 */
import { en } from './en.ts'
import { zh } from './zh.ts'

export type Language = 'en' | 'zh'
export type MessageKey = keyof typeof en
export type MessageValues = Readonly<Record<string, string | number>>
export type Translate = (key: MessageKey, values?: MessageValues) => string

const dictionaries: Readonly<Record<Language, Readonly<Record<MessageKey, string>>>> = { en, zh }

export function createTranslate(language: Language): Translate {
  const dictionary = dictionaries[language]
  return (key, values = {}) => formatMessage(dictionary[key], values)
}

/** Fills `{name}` from `values` and picks the form that fits `values.count`. */
export function formatMessage(template: string, values: MessageValues): string {
  const [one = '', other = one] = template.split(' | ')
  const form = values['count'] === 1 ? one : other
  return form.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Names a value of an open set, such as a status of a newer server: unknown ones stay as is. */
export function translateName(
  translate: Translate,
  family: 'status' | 'branchStatus' | 'kind' | 'component',
  name: string,
): string {
  const key = `${family}.${name}`
  return Object.hasOwn(en, key) ? translate(key as MessageKey) : name
}

/** The stored choice if it is one, else the first language of the browser that we speak. */
export function pickLanguage(stored: string | null, preferred: string): Language {
  if (stored === 'en' || stored === 'zh') return stored
  return preferred.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}
