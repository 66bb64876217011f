//go:build unix

package schema

import "golang.org/x/sys/unix"

// diskSpace returns what an ordinary user can still write below dir.
func diskSpace(dir string) (free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the fields' types differ between systems
}
