import { LabelSelectorError, labelSelector } from './label-selector.ts';
import { METRICS, type PodMetrics, type PodSample } from './pod-metrics.ts';

// custom.metrics.k8s.io: https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/custom-metrics-api.md

const GROUP = 'custom.metrics.k8s.io';
/** The one that autoscalers prefer first. */
const VERSIONS = ['v1beta2', 'v1beta1'] as const;
type Version = (typeof VERSIONS)[number];
/** An older sample says nothing of now: an autoscaler is to see that the pod has none. */
const MOST_SECONDS = 60;

/** An answer of the API: an HTTP status, and an object of Kubernetes. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Answers a request for `url`: path and query. @param now when it is asked */
export function customMetrics(method: string, url: string, metrics: PodMetrics, now: Date): ApiAnswer {
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  const [apis, group, versionName, ...rest] = pathname.split('/').slice(1).map(decoded);
  const version = VERSIONS.find((one) => one === versionName);
  if (method !== 'GET') return failure(405, 'MethodNotAllowed', 'metrics can only be read');
  if (apis !== 'apis' || group !== GROUP) return failure(404, 'NotFound', `there is only the API group ${GROUP}`);
  if (versionName === undefined || versionName === '') return { status: 200, body: apiGroup() };
  if (version === undefined) return failure(404, 'NotFound', `there is no version ${versionName} of ${GROUP}`);
  if (rest.length === 0) return { status: 200, body: resourceList(version) };
  const [namespaces, namespace = '', resource, name = '', metric = '', ...more] = rest;
  if (namespaces !== 'namespaces' || resource !== 'pods' || more.length > 0) {
    return failure(404, 'NotFound', 'there are only metrics of pods: namespaces/{namespace}/pods/{name or *}/{metric}');
  }
  try {
    const query = { namespace, name, metric, searchParams };
    return values(version, query, metrics, now);
  } catch (error) {
    if (error instanceof LabelSelectorError) return failure(400, 'BadRequest', error.message);
    throw error;
  }
}

interface Query {
  readonly namespace: string;
  /** `*`: all. */
  readonly name: string;
  readonly metric: string;
  readonly searchParams: URLSearchParams;
}

function values(version: Version, query: Query, metrics: PodMetrics, now: Date): ApiAnswer {
  const { namespace, name, metric, searchParams } = query;
  const found = METRICS.get(metric);
  if (found === undefined) {
    return failure(404, 'NotFound', `there is no metric ${metric}: there are ${[...METRICS.keys()].join(' and ')}`);
  }
  const isSelected = labelSelector(searchParams.get('labelSelector') ?? '');
  // The metrics have no labels of their own.
  const isWanted = labelSelector(searchParams.get('metricLabelSelector') ?? '')({});
  const isAsked = ({ name: one, labels }: PodSample) => (name === '*' ? isSelected(labels) : one === name);
  const isRecent = ({ at }: PodSample) => now.getTime() - at.getTime() <= MOST_SECONDS * 1000;
  const samples = isWanted
    ? [...metrics.inNamespace(namespace)].filter((sample) => isAsked(sample) && isRecent(sample))
    : [];
  if (name !== '*' && samples.length === 0) {
    return failure(404, 'NotFound', `pod ${name} in ${namespace} has said nothing of ${metric} in the last minute`);
  }
  const { windowSeconds } = found;
  const items = samples.map((sample) => ({
    describedObject: { kind: 'Pod', namespace, name: sample.name, apiVersion: '/v1' },
    ...(version === 'v1beta2' ? { metric: { name: metric, selector: null } } : { metricName: metric, selector: null }),
    timestamp: sample.at.toISOString().replace(/\.\d+/, ''),
    ...(windowSeconds !== undefined && { [version === 'v1beta2' ? 'windowSeconds' : 'window']: windowSeconds }),
    value: quantity(found.of(sample)),
  }));
  return {
    status: 200,
    body: { kind: 'MetricValueList', apiVersion: `${GROUP}/${version}`, metadata: {}, items },
  };
}

/** A number as Kubernetes writes it, in thousandths where it is no whole one. */
export function quantity(value: number): string {
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`;
}

/** An object that says what went wrong, as `kubectl` shows it. */
export function failure(code: number, reason: string, message: string): ApiAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return { status: code, body };
}

function apiGroup(): ApiAnswer['body'] {
  const versions = VERSIONS.map((version) => ({ groupVersion: `${GROUP}/${version}`, version }));
  return { kind: 'APIGroup', apiVersion: 'v1', name: GROUP, versions, preferredVersion: versions[0] };
}

function resourceList(version: Version): ApiAnswer['body'] {
  const resources = [...METRICS.keys()].map((metric) => ({
    name: `pods/${metric}`,
    singularName: '',
    namespaced: true,
    kind: 'MetricValueList',
    verbs: ['get'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/${version}`, resources };
}

/** What cannot be decoded names nothing that there is. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
