/** How the HTTP server answers: headers, JSON, errors, and a page while there is no console. */
import type { ServerResponse } from 'node:http'
import { isSetteeError, messageOf } from '@settee/kit'

const statusOf: Readonly<Record<string, number>> = {
  SETTEE_HTTP_BAD_REQUEST: 400,
  SETTEE_HTTP_UNAUTHORIZED: 401,
  SETTEE_HTTP_FORBIDDEN: 403,
  SETTEE_HTTP_NOT_FOUND: 404,
  SETTEE_HTTP_METHOD_NOT_ALLOWED: 405,
  SETTEE_HTTP_REFUSED: 409,
  SETTEE_HTTP_TOO_MANY_STREAMS: 503,
  SETTEE_HTTP_UNAVAILABLE: 503,
}

/** Nothing from elsewhere is loaded, and nobody frames the console. */
export function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader(
    'content-security-policy',
    // The components make their styles while they run.
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  )
}

export function sendJson(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-length', Buffer.byteLength(text))
  response.end(text)
}

export function sendError(response: ServerResponse, error: unknown): void {
  // Half an answer cannot be taken back.
  if (response.headersSent) {
    response.destroy()
    return
  }
  const code = isSetteeError(error) ? error.code : 'SETTEE_HTTP_INTERNAL'
  response.statusCode = statusOf[code] ?? 500
  if (response.statusCode === 405) response.setHeader('allow', 'GET, HEAD, POST')
  if (response.statusCode === 401) response.setHeader('www-authenticate', 'Bearer')
  sendJson(response, { error: { code, message: messageOf(error) } })
}

/** @param refreshSeconds after which the browser asks again. */
export function sendNotice(
  response: ServerResponse,
  sentence: string,
  refreshSeconds?: number,
): void {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.setHeader('cache-control', 'no-store')
  if (refreshSeconds !== undefined) response.setHeader('refresh', String(refreshSeconds))
  response.end(
    '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">' +
      '<title>Settee</title><body style="font-family:system-ui;padding:3rem">' +
      `<h1>Settee is running</h1><p>${sentence}</p>`,
  )
}
