export { until } from '../../operator/test/control-plane/until.ts';
