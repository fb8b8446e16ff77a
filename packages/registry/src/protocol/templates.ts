/** The Bolt templates of the registry's messages: JSON content for now, class names of Java. */
import {
  createRequestTemplate,
  createResponseTemplate,
  jsonCodec,
  type BoltDialect,
  type RequestTemplate,
  type ResponseTemplate,
} from '@settee/bolt'
import { RegistryClass } from './messages.ts'

const codec = jsonCodec

export const publisherTemplate: RequestTemplate = createRequestTemplate({
  codec,
  className: RegistryClass.publisherRegister,
})
export const subscriberTemplate: RequestTemplate = createRequestTemplate({
  codec,
  className: RegistryClass.subscriberRegister,
})
export const receivedDataTemplate: RequestTemplate = createRequestTemplate({
  codec,
  className: RegistryClass.receivedData,
})

export function registerResponseTemplate(dialect: BoltDialect): ResponseTemplate {
  return createResponseTemplate({ codec, className: RegistryClass.registerResponse, dialect })
}

export function resultTemplate(dialect: BoltDialect): ResponseTemplate {
  return createResponseTemplate({ codec, className: RegistryClass.result, dialect })
}
