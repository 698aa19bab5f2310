export { default as Empty } from './Empty.svelte';
export { default as Loading } from './Loading.svelte';
