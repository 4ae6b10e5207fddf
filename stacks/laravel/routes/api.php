<?php

use App\Http\Controllers\BaselineController;
use App\Http\Controllers\CrunchController;
use App\Http\Controllers\DbController;
use App\Http\Controllers\FileController;
use App\Http\Controllers\HttpController;
use App\Http\Controllers\SettingsController;
use App\Http\Controllers\ParseController;
use App\Http\Controllers\StreamController;
use Illuminate\Support\Facades\Route;

Route::get('/health', [BaselineController::class, 'health']);
Route::get('/settings', [SettingsController::class, 'answer']);
Route::get('/json', [BaselineController::class, 'hello']);
Route::get('/wait', [BaselineController::class, 'wait']);
Route::get('/mixed', [BaselineController::class, 'mixed']);
Route::post('/parse/plain', [ParseController::class, 'plain']);
Route::get('/crunch/inline', [CrunchController::class, 'inline']);
Route::get('/db/one', [DbController::class, 'one']);
Route::get('/db/sequential', [DbController::class, 'sequential']);
Route::get('/db/batched', [DbController::class, 'batched']);
Route::get('/http/one', [HttpController::class, 'one']);
Route::get('/http/sequential', [HttpController::class, 'sequential']);
Route::get('/http/concurrent', [HttpController::class, 'concurrent']);
Route::get('/http/bounded', [HttpController::class, 'bounded']);
Route::get('/file/blocking', [FileController::class, 'blocking']);
Route::get('/stream', [StreamController::class, 'relay']);
