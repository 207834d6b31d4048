// The SDK's npm bundle is CommonJS; this is all it needs to load from a script tag.
var module = { exports: {} };
