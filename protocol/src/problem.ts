import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** What is wrong with a value that breaks a schema, and where: `payload.value: value is missing`. */
export function problemOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (issue === undefined) return 'it breaks the schema';
  const { path, message } = innermost(issue);
  const place = path.map(String).join('.');
  return place === '' ? message : `${place}: ${message}`;
}

/** Of the forms that a value could have had, the one that it comes closest to says what is wrong. */
function innermost(issue: Issue): Pick<Issue, 'path' | 'message'> {
  if (issue.code !== 'invalid_union') return issue;
  const closest = issue.errors.reduce<readonly Issue[] | undefined>((best, form) => {
    return best === undefined || form.length <= best.length ? form : best;
  }, undefined);
  const [first] = closest ?? [];
  if (first === undefined) return issue;
  const { path, message } = innermost(first);
  return { path: [...issue.path, ...path], message };
}
