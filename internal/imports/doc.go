// Package imports holds the test that keeps the import direction: which of the
// project's packages may know which, and who alone may know the large
// dependencies.
package imports
