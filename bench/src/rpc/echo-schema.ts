/**
 * The protobuf schema of the gRPC peers, built at run time instead of by a generator:
 *
 *     package bench;
 *     message Text { string text = 1; }
 *     service Echo { rpc Echo(Text) returns (Text); }
 */
import { create, createFileRegistry, type DescMessage, type DescService } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'

const file = create(FileDescriptorProtoSchema, {
  name: 'bench.proto',
  package: 'bench',
  syntax: 'proto3',
  messageType: [
    {
      name: 'Text',
      field: [
        {
          name: 'text',
          jsonName: 'text',
          number: 1,
          type: FieldDescriptorProto_Type.STRING,
          label: FieldDescriptorProto_Label.OPTIONAL,
        },
      ],
    },
  ],
  service: [
    {
      name: 'Echo',
      method: [{ name: 'Echo', inputType: '.bench.Text', outputType: '.bench.Text' }],
    },
  ],
})

const registry = createFileRegistry(file, () => undefined)

export const textSchema: DescMessage = registry.getMessage('bench.Text')!
export const echoService: DescService = registry.getService('bench.Echo')!
