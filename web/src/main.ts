import { mount } from 'svelte';
import App from './App.svelte';
import './style.css';

const target = document.getElementById('app') as HTMLElement;
target.replaceChildren(); // what is there is for those whose browser ran nothing
mount(App, { target });
