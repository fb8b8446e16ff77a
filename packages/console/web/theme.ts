/**
 * The look of the console as design tokens: warm paper and ink, one petrol tone for what can be
 * acted on, colour otherwise only for states. antd makes CSS variables of the tokens, and
 * `style.css` uses the same variables, so this file is the only place with colours.
 */
import { theme, type ThemeConfig } from 'antd'

/** Class that carries the CSS variables; `main.tsx` sets it on the root element. */
export const themeClass = 'settee'

const shared = {
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB", ' +
    '"Microsoft YaHei", "Noto Sans CJK SC", sans-serif',
  fontFamilyCode: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  fontSize: 14,
  borderRadius: 8,
  controlHeight: 34,
}

const light = {
  colorPrimary: '#17717c',
  colorInfo: '#17717c',
  colorLink: '#126069',
  colorSuccess: '#2c7a4b',
  colorWarning: '#a3620b',
  colorError: '#b5382c',
  colorTextBase: '#1d2423',
  colorTextSecondary: '#56615f',
  colorBgBase: '#ffffff',
  colorBgLayout: '#f6f5f1',
  colorBorder: '#d5d4cb',
  colorBorderSecondary: '#e8e6de',
}

// The track of a segmented control must show on the page as well as on a panel.
const lightTrack = '#ebe9e2'
const darkTrack = '#232a2a'

const dark = {
  colorPrimary: '#4fb3be',
  colorInfo: '#4fb3be',
  colorLink: '#7accd5',
  colorSuccess: '#63b884',
  colorWarning: '#dba24a',
  colorError: '#ea7b6f',
  colorTextBase: '#e9ecea',
  colorTextSecondary: '#a3adaa',
  colorBgBase: '#181d1d',
  colorBgLayout: '#111515',
  colorBgContainer: '#181d1d',
  colorBgElevated: '#202626',
  colorBorder: '#364040',
  colorBorderSecondary: '#283030',
}

export function createTheme(isDark: boolean): ThemeConfig {
  return {
    algorithm: isDark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    cssVar: { prefix: 'settee', key: themeClass },
    token: { ...shared, ...(isDark ? dark : light) },
    components: {
      Button: { primaryShadow: 'none', defaultShadow: 'none' },
      Segmented: { trackPadding: 3, trackBg: isDark ? darkTrack : lightTrack },
    },
  }
}
