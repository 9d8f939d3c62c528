/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** It is no label selector. The message is for a person. */
export class LabelSelectorError extends Error {
  override readonly name = 'LabelSelectorError';
}

const KEY = '[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?';
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/**
 * Which objects a label selector selects, in the syntax of Kubernetes; all of them where it is empty:
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 * @throws LabelSelectorError
 */
export function labelSelector(text: string): (labels: Labels) => boolean {
  // Not at the commas in brackets.
  const parts = text.trim() === '' ? [] : text.split(/,(?![^(]*\))/);
  const requirements = parts.map((part) => requirementOf(part.trim()));
  return (labels) => requirements.every((isMet) => isMet(labels));
}

function requirementOf(part: string): (labels: Labels) => boolean {
  const set = SET.exec(part);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => {
      const value = labels[key];
      return operator === 'in' ? value !== undefined && values.has(value) : value === undefined || !values.has(value);
    };
  }
  const equality = EQUALITY.exec(part);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const existence = EXISTENCE.exec(part);
  if (existence !== null) {
    const [, not, key = ''] = existence;
    return (labels) => Object.hasOwn(labels, key) === (not === '');
  }
  throw new LabelSelectorError(`${JSON.stringify(part)} is no part of a label selector`);
}
