//go:build !unix

package schema

import "errors"

// diskSpace cannot tell here; the errors of the disk itself must do.
func diskSpace(string) (free int64, err error) { return 0, errors.ErrUnsupported }
