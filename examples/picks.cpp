// SPDX-License-Identifier: MIT
// The recipe of picks.c in C++11: handles that close themselves, errors as exceptions, a lambda as progress function.
//
//     c++ -std=c++11 picks.cpp -o picks $(pkg-config --cflags --libs goldpan)
//     ./picks FOLDER MODEL CATALOG
#include <goldpan.h>

#include <exception>
#include <iomanip>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace
{

// Throws the message of a failed call: check([&](gp_error *err) { return gp_...(..., err); }).
template <typename Call> void check(Call call)
{
    gp_error err = gp_error();
    if (call(&err) != GP_OK) throw std::runtime_error(err.message);
}

struct Closer {
    void operator()(gp_catalog *catalog) const { gp_catalog_close(catalog); }
    void operator()(gp_model *model) const { gp_model_close(model); }
    void operator()(gp_rows *rows) const { gp_rows_close(rows); }
};
template <typename T> using Handle = std::unique_ptr<T, Closer>;

Handle<gp_model> open_model(const char *name)
{
    gp_model *model = nullptr;
    check([&](gp_error *err) { return gp_model_open(name, nullptr, &model, err); });
    return Handle<gp_model>(model);
}

Handle<gp_catalog> open_catalog(const char *path)
{
    gp_catalog *catalog = nullptr;
    check([&](gp_error *err) { return gp_catalog_open(path, GP_CATALOG_CREATE, &catalog, err); });
    return Handle<gp_catalog>(catalog);
}

void fill(gp_catalog *catalog, const gp_model *model, const char *folder)
{
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_score_options score = GP_SCORE_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    add.roots = &folder;
    add.root_count = 1;
    score.progress = [](void *, const gp_progress *progress) {
        std::cerr << '\r' << progress->stage << ": " << progress->done << " of " << progress->total << ' ';
        return true; // false stops the call
    };
    check([&](gp_error *err) { return gp_add(catalog, &add, &report, err); });
    check([&](gp_error *err) { return gp_score(catalog, model, &score, &report, err); });
    check([&](gp_error *err) { return gp_pick(catalog, model, nullptr, &report, err); });
    std::cerr << '\n';
}

void print_picks(gp_catalog *catalog)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *opened = nullptr;
    const gp_row *row = nullptr;
    query.picked_only = true;
    check([&](gp_error *err) { return gp_rows_open(catalog, &query, &opened, err); });
    Handle<gp_rows> rows(opened);
    std::cout << std::fixed << std::setprecision(4);
    for (;;) {
        check([&](gp_error *err) { return gp_rows_next(rows.get(), &row, err); });
        if (!row) return;
        std::cout << row->score << '\t' << row->path << '\t' << row->prompt << '\n';
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        std::cerr << "usage: picks FOLDER MODEL CATALOG\n";
        return 2;
    }
    try {
        const auto model = open_model(argv[2]);
        const auto catalog = open_catalog(argv[3]);
        fill(catalog.get(), model.get(), argv[1]);
        print_picks(catalog.get());
    } catch (const std::exception &error) {
        std::cerr << "picks: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
