# For `./test` and `./bench`, to be read by bash.

# A virtual environment beside the sources, made anew when its requirements change.
python_environment() {
    local folder=$1 requirements=$2
    if cmp -s "$requirements" "$folder/made-from.txt"; then
        echo "$folder is up to date"
        return
    fi
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/made-from.txt"
    echo "$folder is made"
}
