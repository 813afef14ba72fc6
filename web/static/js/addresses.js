// Addresses of the platform under the path that a proxy may serve it at.
export function at(path) {
  return document.body.dataset.root + path;
}
