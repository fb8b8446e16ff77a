/** Copies a text and says so. */
import { CheckOutlined, CopyOutlined } from '@ant-design/icons'
import { Button, Tooltip } from 'antd'
import { useEffect, useState, type ReactNode } from 'react'
import { useLanguage } from '../i18n/language.tsx'

const shownMs = 1_600

export function CopyButton(props: {
  /** What it is, such as `xid`. */
  readonly what: string
  readonly text: string
}): ReactNode {
  const { t } = useLanguage()
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), shownMs)
    return () => clearTimeout(timer)
  }, [isCopied])
  const hint = isCopied ? t('common.copied') : t('common.copy', { what: props.what })
  return (
    <Tooltip title={hint}>
      <Button
        className="copy"
        type="text"
        size="small"
        aria-label={hint}
        icon={isCopied ? <CheckOutlined /> : <CopyOutlined />}
        onClick={() => void copyText(props.text).then(setCopied)}
      />
    </Tooltip>
  )
}

/** Whether it was copied: the clipboard may be forbidden, and is absent on plain HTTP hosts. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
