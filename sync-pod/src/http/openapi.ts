import { errorAnswer } from '@etherply/protocol';
import { z } from 'zod';
import { STATUS } from './request.ts';
import type { Route } from './route.ts';

type JsonObject = Record<string, unknown>;

/** The OpenAPI 3.1 description of the routes. */
export function openApi(routes: readonly Route[], version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'EtherPly sync pod',
      version,
      description: 'The REST part of the protocol; the WebSocket part is GET /v1/sync/{workspace_id}.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths: { ...paths, ...openPaths() },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Error: schemaOf(errorAnswer) },
      responses: {
        Error: {
          description: [...new Set(Object.values(STATUS))].join('; '),
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

function operation({
  method,
  path,
  scope,
  summary,
  query = {},
  takesIfMatch = false,
  body,
  answer,
}: Route): JsonObject {
  const parameters = [
    ...(path.includes('{id}') ? [parameter('id', 'path', 'The id of the workspace.')] : []),
    ...Object.entries(query).map(([name, description]) => parameter(name, 'query', description)),
    ...(takesIfMatch ? [parameter('If-Match', 'header', 'Heads separated by commas; 412 where they are others.')] : []),
  ];
  return {
    operationId: `${method}${path.replaceAll(/[^a-z]+(.)/g, (_, letter: string) => letter.toUpperCase()).replace(/[^A-Za-z]/g, '')}`,
    summary,
    description: `Needs the scope \`${scope}\`.`,
    parameters,
    ...(body !== undefined && { requestBody: { required: true, content: json(body) } }),
    responses: {
      200: { description: summary, content: json(answer) },
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

/** What needs no token. */
function openPaths(): Record<string, JsonObject> {
  const get = (summary: string, type: string): JsonObject => ({
    get: {
      summary,
      security: [],
      responses: { 200: { description: summary, content: { [type]: {} } } },
    },
  });
  return {
    '/healthz': get('The process is alive', 'application/json'),
    '/readyz': get(
      'The pod takes connections: it is not draining, its shards are open, and the stream is there where acks wait for it; 503 otherwise',
      'application/json',
    ),
    '/metrics': get('Metrics for Prometheus', 'text/plain'),
    '/openapi.json': get('This document', 'application/json'),
  };
}

function parameter(name: string, where: 'path' | 'query' | 'header', description: string): JsonObject {
  return { name, in: where, required: where === 'path', description, schema: { type: 'string' } };
}

function json(schema: z.ZodType): JsonObject {
  return { 'application/json': { schema: schemaOf(schema) } };
}

function schemaOf(schema: z.ZodType): JsonObject {
  // Any JSON value is a schema without constraints.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
  return rest;
}
