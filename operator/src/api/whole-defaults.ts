type JsonObject = Record<string, unknown>;

/**
 * Fills the defaults of objects with those of their fields. Kubernetes fills them in by itself, but checks them against the
 * rules of the object as they stand.
 */
export function withWholeDefaults(schema: JsonObject): JsonObject {
  const whole = { ...schema };
  if (isObject(schema.properties)) whole.properties = mapped(schema.properties, withWholeDefaults);
  if (isObject(schema.items)) whole.items = withWholeDefaults(schema.items);
  if ('default' in schema) whole.default = filled(schema.default, whole);
  return whole;
}

function filled(value: unknown, { properties }: JsonObject): unknown {
  if (!isObject(value) || !isObject(properties)) return value;
  const fields = { ...value };
  for (const [name, field] of Object.entries(properties)) {
    if (!isObject(field)) continue;
    const known = fields[name] ?? field.default;
    if (known !== undefined) fields[name] = filled(known, field);
  }
  return fields;
}

function mapped(object: JsonObject, change: (value: JsonObject) => JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, one]) => [name, isObject(one) ? change(one) : one]));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
