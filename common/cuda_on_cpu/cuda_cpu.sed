# CUDA C to C++, line by line: launches, and dynamic shared memory.  No line moves.
s/<<</ ->* CuConfig(/g
s/>>>[[:space:]]*(\(|$)/)\1/g
s/extern[[:space:]]+(__align__\([^)]*\)[[:space:]]+)?__shared__[[:space:]]+(__align__\([^)]*\)[[:space:]]+)?([A-Za-z_0-9: ]+)[[:space:]]+([A-Za-z_0-9]+)\[\][[:space:]]*;/\3 *\4 = (\3 *)cu_dynamic_shared();/
