import { mount } from 'svelte';
import App from './App.svelte';
import './style.css';

const target = document.getElementById('app') as HTMLElement;
target.replaceChildren(); // the content of this element is only for browsers that do not run the script
mount(App, { target });
