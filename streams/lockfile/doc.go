// Package lockfile gives one process at a time what a file stands for, and names
// the process that has it.
//
// The lock is the system's: it ends with the process, however that ends. The file
// stays when the lock is given back, because removing it would let a third process
// lock a file that a second one still waits for. It says which process has the
// lock, for people; nothing depends on it.
package lockfile
